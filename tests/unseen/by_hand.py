"""How a wrong answer is noted."""

from __future__ import annotations

from collections.abc import Callable


class Answers(list[tuple[str, str, Callable]]):
    """Wrong answers as (exercise, what is wrong, function)."""

    def to(self, exercise_id: str, what: str) -> Callable:
        """Note the function below as a wrong answer to an exercise; `what` says what is wrong with it."""

        def note(answer: Callable) -> Callable:
            self.append((exercise_id, what, answer))
            return answer

        return note
