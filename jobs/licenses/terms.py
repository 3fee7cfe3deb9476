"""What each known licence permits and asks for: the one table.

Sources, by code:

* CC0, PDM, BY, BY-SA, BY-NC, BY-ND, BY-NC-SA, BY-NC-ND: the deeds at creativecommons.org/licenses/ and
  creativecommons.org/publicdomain/.
* SA, NC, ND, NC-SA, NC-ND (version 1.0, without attribution), SAMPLING+, NC-SAMPLING+:
  creativecommons.org/retiredlicenses. SAMPLING+ lets verbatim copies be shared for no commercial purpose only, and
  a data set holds verbatim copies.
* GFDL, GPL, LGPL: gnu.org/licenses. FAL: artlibre.org/licence/lal/en. MIT, BSD, APACHE: opensource.org/licenses.
* OGL: nationalarchives.gov.uk/doc/open-government-licence.
* NKC, NOC-US, ARR ("in copyright"): rightsstatements.org/page/1.0; NKC also flickr.com/commons/usage.
* USGOV: usa.gov/government-copyright.
* COPYRIGHTED-FREE-USE: commons.wikimedia.org/wiki/Template:Copyrighted_free_use.
* PEXELS, PIXABAY, UNSPLASH: pexels.com/license, pixabay.com/service/license-summary, unsplash.com/license. They
  permit commercial use and changes, but not to sell the unaltered picture nor to compete with the site; whether a
  data set does is not for a table to say.

This is what the texts say, no legal advice. Rights of persons shown, trade marks and the like are not in it.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Terms(NamedTuple):
    """What a licence permits, and what it asks for in return.

    Attributes:
        name: as people write it, without a version.
        commercial: whether the picture may be used for commercial purposes.
        derivatives: whether changed versions may be shared.
        share_alike: whether changed versions must come under the same licence.
        attribution: whether the creator must be named.
        url: where to read it, where there is one text for all versions; "" otherwise.
    """

    name: str
    commercial: bool
    derivatives: bool
    share_alike: bool
    attribution: bool
    url: str = ""


def _row(name: str, row: str, url: str = "") -> Terms:
    """Read a row: four letters or dots for commercial, derivatives, share-alike, attribution."""
    return Terms(name, row[0] == "c", row[1] == "d", row[2] == "s", row[3] == "a", url)


TERMS: Final[dict[str, Terms]] = {
    # From the most permissive on: where a picture may be used under several, the first of them is taken.
    "CC0": _row("CC0", "cd..", "https://creativecommons.org/publicdomain/zero/1.0/"),
    "PDM": _row("Public domain", "cd.."),
    "COPYRIGHTED-FREE-USE": _row("Copyrighted free use", "cd.."),
    "USGOV": _row("United States government work", "cd..", "https://www.usa.gov/government-copyright"),
    "NOC-US": _row("No copyright in the United States", "cd..", "https://rightsstatements.org/vocab/NoC-US/1.0/"),
    "NKC": _row("No known copyright restrictions", "cd..", "https://rightsstatements.org/vocab/NKC/1.0/"),
    "PIXABAY": _row("Pixabay Content License", "cd..", "https://pixabay.com/service/license-summary/"),
    "PEXELS": _row("Pexels License", "cd..", "https://www.pexels.com/license/"),
    "UNSPLASH": _row("Unsplash License", "cd..", "https://unsplash.com/license"),
    "BY": _row("CC BY", "cd.a"),
    "OGL": _row("Open Government Licence", "cd.a"),
    "MIT": _row("MIT License", "cd.a", "https://opensource.org/license/mit"),
    "BSD": _row("BSD License", "cd.a"),
    "APACHE": _row("Apache License", "cd.a"),
    "SA": _row("CC SA", "cds."),
    "BY-SA": _row("CC BY-SA", "cdsa"),
    "FAL": _row("Free Art License", "cdsa", "https://artlibre.org/licence/lal/en/"),
    "LGPL": _row("GNU Lesser General Public License", "cdsa"),
    "GPL": _row("GNU General Public License", "cdsa"),
    "GFDL": _row("GNU Free Documentation License", "cdsa", "https://www.gnu.org/licenses/fdl.html"),
    "ND": _row("CC ND", "c..."),
    "BY-ND": _row("CC BY-ND", "c..a"),
    "NC": _row("CC NC", ".d.."),
    "SAMPLING+": _row("CC Sampling+", ".d.a"),
    "BY-NC": _row("CC BY-NC", ".d.a"),
    "NC-SAMPLING+": _row("CC NC-Sampling+", ".d.a"),
    "NC-SA": _row("CC NC-SA", ".ds."),
    "BY-NC-SA": _row("CC BY-NC-SA", ".dsa"),
    "NC-ND": _row("CC NC-ND", "...."),
    "BY-NC-ND": _row("CC BY-NC-ND", "...a"),
    "ARR": _row("All rights reserved", "...."),
}

PERMISSIVE: Final = {code: place for place, code in enumerate(TERMS)}
"""Place of each code in the order from the most permissive on."""


def is_known(code: str) -> bool:
    """Return whether the table says what a licence permits."""
    return code in TERMS
