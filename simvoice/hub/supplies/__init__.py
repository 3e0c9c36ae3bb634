"""What the hub sends out to stations and laptops: program, models, cases, rendered voices."""
