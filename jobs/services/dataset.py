"""Which stored images make up a dataset, and what each stands for: asked by everything that takes images away.

What people decided counts: an image that was rejected is left out, one that was relabelled stands for its new label.
An image in quarantine is left out as well. What validation found is told of each image, and leaves none out.
"""

from __future__ import annotations

from django.db.models import Q, QuerySet

from jobs.models import CrawlJob, DecisionKind, Image


def belonging(images: QuerySet[Image]) -> QuerySet[Image]:
    """Return those of the images that belong to a dataset."""
    return images.filter(~Q(decision=DecisionKind.REJECT), quarantine="")


def images_of(job: CrawlJob) -> QuerySet[Image]:
    """Return the images of a job's dataset, with the issues of each; page them by id."""
    return belonging(Image.objects.filter(job=job)).prefetch_related("issues")


def label_of(image: Image) -> str:
    """Return what an image stands for: its new label where it has one, else the keyword that found it."""
    return image.label or image.keyword
