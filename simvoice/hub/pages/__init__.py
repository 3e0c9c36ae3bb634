"""The pages of the hub, one file for each subject."""

from fastapi import APIRouter

from simvoice.hub.pages import (
    assignments,
    attempts,
    audit,
    cards,
    cases,
    cohort,
    courses,
    devices,
    exam_codes,
    home,
    operations,
    own_data,
    own_words,
    people,
    progress,
    ratings,
    reflect,
    remarks,
    research,
    stations,
    supplies,
    units,
    workbench,
)

router = APIRouter()
_PARTS = (
    assignments,
    attempts,
    audit,
    cards,
    cases,
    cohort,
    courses,
    devices,
    exam_codes,
    home,
    operations,
    own_data,
    own_words,
    people,
    progress,
    ratings,
    reflect,
    remarks,
    research,
    stations,
    supplies,
    units,
    workbench,
)
for _part in _PARTS:
    router.include_router(_part.router)
