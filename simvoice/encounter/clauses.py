from simvoice.engines.clauses import pause_after_s, split

__all__ = ["pause_after_s", "split_clauses"]


def split_clauses(text: str) -> tuple[str, ...]:
    return tuple(clause.strip() for clause in split(text) if clause.strip())
