"""What is asked: each module says who runs against which data, and which targets that decides."""
