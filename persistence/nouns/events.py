from domain.events import Event
from persistence import models
from persistence.mapping import event_to_row
from persistence.session import Session


class Events:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, *events: Event) -> None:
        if not events:
            return
        self._session.tells_of_events = True
        await self._session.insert_all(models.Event, [event_to_row(event) for event in events])
        # What a timeline is looked up by. An event may name an object twice, and is seen there once.
        await self._session.insert_all(
            models.EventSubject,
            [
                {"event_id": event.id, "subject_id": subject_id}
                for event in events
                for subject_id in dict.fromkeys(event.subject_ids)
            ],
        )
