"""One line to type into; and keys in the order in which they were typed."""

from textual import events
from textual.widget import Widget
from textual.widgets import Input


class TextInput(Input):
    """An input that takes a burst of keys (a slow line, a paste of keys, a macro) in its order."""

    async def _on_key(self, event: events.Key) -> None:
        await act_in_order(self, event)


async def act_in_order(widget: Widget, event: events.Key) -> bool:
    """Do at once what a key of the widget's own does; whether there was anything to do.

    Textual takes a letter where it arrives and sends every other key up to the app to find its action, so that letters
    overtake the backspace typed before them.
    """
    if event.is_printable:
        return False
    active = next((found for key in event.aliases if (found := widget.screen.active_bindings.get(key))), None)
    if active is None or active.node is not widget or not active.enabled:
        return False
    event.stop()
    event.prevent_default()
    await widget.app.run_action(active.binding.action, default_namespace=widget)
    return True
