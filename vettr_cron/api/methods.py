"""Which methods a path allows, where Flask's own answer breaks the contract."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import Response, request
from werkzeug.exceptions import MethodNotAllowed

Arguments = ParamSpec("Arguments")


def refuse_head(view: Callable[Arguments, Response]) -> Callable[Arguments, Response]:
    """Answer 405 to HEAD, which Flask would serve as a GET: a HEAD request must not start any work."""

    @wraps(view)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Response:
        if request.method == "HEAD":
            raise MethodNotAllowed(["GET", "POST"])
        return view(*args, **kwargs)

    guarded.provide_automatic_options = False  # type: ignore[attr-defined]  # read by Flask; every reply is JSON
    return guarded
