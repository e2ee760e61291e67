"""Says what a script of SQL would do to a database with rows in it, statement by statement."""

from integrations.sql_review.assessment import ChangeClass, RowCause, RowCheck, RowImpact
from integrations.sql_review.reviewer import review_script, review_scripts
from integrations.sql_review.script_review import (
    ReviewedStatement,
    ReviewFacts,
    ScriptReview,
    StatementFacts,
)

__all__ = [
    "ChangeClass",
    "ReviewFacts",
    "ReviewedStatement",
    "RowCause",
    "RowCheck",
    "RowImpact",
    "ScriptReview",
    "StatementFacts",
    "review_script",
    "review_scripts",
]
