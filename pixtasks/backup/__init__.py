"""``manage.py backup`` and ``restore``: the embedded profile in one folder, consistent while it runs."""
