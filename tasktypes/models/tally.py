"""How many tasks there are, without counting them (CONTRACT X04)."""

from django.db import models

from tasktypes.states import State


class TallyDelta(models.Model):
    """So many tasks of an owner and a type have come into a status (or left it).

    Insert-only, so that no two transitions contend for a counter's row; the dispatcher folds the rows of a kind into
    one. The sum of the deltas is exact in every transaction.
    """

    owner_id = models.BigIntegerField(null=True)
    type_name = models.CharField(max_length=200)
    status = models.CharField(max_length=10, choices=State.choices)
    delta = models.BigIntegerField()

    class Meta:
        indexes = [
            models.Index(name="tally_of_owner", fields=["owner_id", "type_name", "status"]),
            models.Index(name="tally_of_all", fields=["type_name", "status"]),
        ]

    def __str__(self) -> str:
        return f"{self.owner_id} {self.type_name} {self.status} {self.delta:+d}"
