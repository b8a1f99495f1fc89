"""The ways through load balancers, security groups and routes, and the API server at the end of them."""
