"""Services, their endpoints and their load balancers."""
