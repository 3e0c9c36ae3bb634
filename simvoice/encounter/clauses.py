from simvoice.engines.clauses import split


def split_clauses(text: str) -> tuple[str, ...]:
    return tuple(clause.strip() for clause in split(text) if clause.strip())
