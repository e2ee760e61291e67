"""Says what a script of SQL would do to a database with rows in it, statement by statement."""

from integrations.clients.sql_review.judging import review, review_in_turn
from integrations.clients.sql_review.statement import Change, Check, Review, Statement, Weighs

__all__ = ["Change", "Check", "Review", "Statement", "Weighs", "review", "review_in_turn"]
