"""Documented rules that read facts: security groups, network ACLs, NAS groups, RAM policies, CCM weights."""
