"""`/`: what runs, and where to read on. The console comes here later."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from worker.web.health import Readiness, readiness
from worker.web.pages import language, page

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request, look: Annotated[Readiness, Depends(readiness)]) -> Response:
    """Return the front page; of what is wrong it says only where: the words are for `/readyz`."""
    runs = [(name, words is None) for name, words in look.look().items()]
    return page(request, "home.html", language(request), runs=runs)
