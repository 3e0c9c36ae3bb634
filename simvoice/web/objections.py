"""What a learner holds to be wrong in a debrief: sent, kept, withdrawn."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from simvoice.debrief.objecting import object_to, withdraw
from simvoice.errors import AttemptError, UsageError
from simvoice.web.body import body_of, ended, text_in
from simvoice.web.format import sentence

router = APIRouter()


@router.post("/attempts/{attempt_id}/objections")
def objections(
    request: Request, attempt_id: str, body: Annotated[dict[str, Any], Depends(body_of)]
) -> JSONResponse:
    """Keep an objection; answers with its number and words."""
    found = ended(request, attempt_id)
    item, why = text_in(body, "item"), text_in(body, "why")
    try:
        kept = object_to(found, item, why, datetime.now().astimezone())
    except AttemptError:
        raise
    except UsageError as error:
        raise HTTPException(422, sentence(str(error))) from None
    return JSONResponse(kept.model_dump(), status_code=201)


@router.delete("/attempts/{attempt_id}/objections/{number}")
def withdrawn(request: Request, attempt_id: str, number: int) -> JSONResponse:
    """Take an objection back."""
    withdraw(ended(request, attempt_id), number, datetime.now().astimezone())
    return JSONResponse({"withdrawn": number})
