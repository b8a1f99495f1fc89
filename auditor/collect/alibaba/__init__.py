"""The Alibaba Cloud API, through the classic SDKs."""
