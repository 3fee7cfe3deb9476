"""What tasks leave behind. Only ``Effect`` is guarded against doubles, as a careful app's table would be."""

from __future__ import annotations

from django.db import models


class Effect(models.Model):
    """One item of one task, counted; ``attempt`` says by which."""

    task_id = models.BigIntegerField()
    item = models.IntegerField()
    attempt = models.IntegerField()

    class Meta:
        db_table = "faults_effect"
        constraints = [models.UniqueConstraint(name="faults_effect_once", fields=["task_id", "item"])]


class TaskFinish(models.Model):
    """A handler's hook has heard that a task ended."""

    task_id = models.BigIntegerField()
    status = models.CharField(max_length=10)

    class Meta:
        db_table = "faults_task_finish"


class GroupFinish(models.Model):
    """A group's hook has heard that its last task ended."""

    group_id = models.BigIntegerField()

    class Meta:
        db_table = "faults_group_finish"


class NaiveCount(models.Model):
    """What the naive control counts."""

    name = models.CharField(max_length=40, unique=True)
    value = models.IntegerField(default=0)
    finished = models.IntegerField(default=0)

    class Meta:
        db_table = "faults_naive_count"
