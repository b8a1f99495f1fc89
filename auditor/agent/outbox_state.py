"""What of the history and of the deliveries is worth a word: for `auditor doctor`."""

from dataclasses import dataclass
from datetime import datetime

from auditor.config.base import BadConfig
from auditor.config.settings import Settings
from auditor.ledger.errors import LedgerError, NoLedger
from auditor.ledger.ledger import Ledger
from auditor.ledger.records import Delivery, DeliveryState

_MOST = 1000


@dataclass(frozen=True)
class OutboxState:
    """How it stands with the ledger and with what is owed.

    Attributes:
        name: the path, or the server and database, without a password; empty if there is none yet.
        problem: why the ledger can't be used; empty if it can.
        owed: how many deliveries are owed.
        late: of those, the ones that were tried and have not come.
        dead: those that were given up.
        last_run: when the latest run began.
    """

    name: str = ""
    problem: str = ""
    owed: int = 0
    late: tuple[Delivery, ...] = ()
    dead: tuple[Delivery, ...] = ()
    last_run: datetime | None = None


def outbox_state(settings: Settings) -> OutboxState | None:
    """Look at the ledger of a configuration. None if it names none, and has nothing that would need one."""
    if not ({"ledger", "schedules", "channels"} & settings.model_fields_set):
        return None
    try:
        with Ledger.open(settings.ledger_url(), make=False) as ledger:
            ledger.health()
            owed = ledger.deliveries(None, (DeliveryState.OWED,), _MOST)
            runs = ledger.runs(limit=1)
            return OutboxState(
                name=ledger.name,
                owed=len(owed),
                late=tuple(one for one in owed if one.last_error),
                dead=tuple(ledger.deliveries(None, (DeliveryState.DEAD,), _MOST)),
                last_run=runs[0].started_at if runs else None,
            )
    except NoLedger:
        return OutboxState()
    except (BadConfig, LedgerError) as error:
        return OutboxState(problem=str(error))
