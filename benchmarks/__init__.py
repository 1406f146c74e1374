"""`make bench`: this provider side by side with what people use today, and with the limit of the machine."""
