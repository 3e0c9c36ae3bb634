"""The workbench of a hub: a draft's patient and voice, the whole check, what is offered."""
