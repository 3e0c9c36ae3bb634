"""Published instruments, judged item by item with evidence."""
