"""``manage.py doctor``: is this installation well, and can it be mended?

The checks are plug-ins of :mod:`pixtasks.common.checkup`; the modules here hold those of the product itself.
"""
