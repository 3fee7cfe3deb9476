"""Google's Programmable Search, as recorded: one result has no address of the web, and none has a licence."""

from __future__ import annotations

from jobs.engines import Candidate

from .adapters import Adapter

SEARCH = "/customsearch/v1"

ADAPTER = Adapter(
    name="google",
    search=SEARCH,
    turns=("start",),
    asks={
        "q": "red fox", "key": "goo gle+key", "cx": "0175:omuauf", "searchType": "image", "num": "10", "start": "1",
        "safe": "active",
    },
    found=(
        ("https://pictures.test/fox-1.jpg", "https://pictures.test/fox-2.jpg"),
        ("https://pictures.test/fox-2.jpg", "https://pictures.test/fox-12.jpg"),
    ),
    first=Candidate(
        external_id="https://pictures.test/fox-1.jpg",
        image_url="https://pictures.test/fox-1.jpg",
        thumb_url="https://encrypted-tbn0.gstatic.com/images?q=tbn:1",
        page_url="https://pictures.test/foxes/1",
        title="Red fox 1",
        width=1024,
        height=683,
        filetype="jpeg",
        raw={"site": "pictures.test", "bytes": 210431},
    ),
    duplicate="https://pictures.test/fox-2.jpg",
    unlicensed="https://pictures.test/fox-1.jpg",
    html_creator=None,
    needed=tuple(
        ("", field)
        for field in ("items", "items[0].link", "items[1].image", "queries", "queries.nextPage[0].startIndex")
    ),
    may_be_absent=("queries.nextPage",),  # only the last page has none, and the totals are guesses
    refusal="badRequest: Request contains an invalid argument",
    settings={"PIXTASKS_GOOGLE_API_KEY": "goo gle+key", "PIXTASKS_GOOGLE_CX": "0175:omuauf"},
    secrets=("goo gle+key", "goo+gle%2Bkey", "0175:omuauf", "0175%3Aomuauf"),
    bad_options=({"size": "big"}, {"color": "gold"}, {"license": "BY"}, {"license": ["CC0"]}, {"safe_search": "on"}),
    good_options=(
        (
            {"size": "xlarge", "type": "photo", "color": "mono", "license": ["PDM", "BY-SA"], "filetype": "png"},
            {
                "imgSize": "xlarge", "imgType": "photo", "imgColorType": "mono", "fileType": "png",
                "rights": "cc_publicdomain|cc_sharealike",
            },
        ),
        ({"color": "teal", "safe_search": "off"}, {"imgDominantColor": "teal", "safe": "off"}),
    ),
)  # fmt: skip
