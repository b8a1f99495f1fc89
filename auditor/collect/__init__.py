"""The only room that calls the two APIs. Everything it learns leaves it as fact tables."""
