"""The agent's web site: pages for people, an API for programs, and what a cluster's probes and Prometheus ask for."""
