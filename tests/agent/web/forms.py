"""What a browser does with forms, by hand."""

import re

import requests

from tests.agent.web.sites import Running


class Browser:
    """Keeps cookies, and fills in the forms of a site."""

    def __init__(self, site: Running) -> None:
        self.site = site
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.site.url + path, allow_redirects=False, timeout=60)

    def form_token(self, path: str) -> str:
        found = re.search(r'name="form_token" value="([^"]+)"', self.get(path).text)
        assert found
        return found.group(1)

    def post(self, path: str, form: str, **fields: str) -> requests.Response:
        """Send the form that stands on the page ``form``."""
        return self.send(path, form_token=self.form_token(form), **fields)

    def send(self, path: str, **fields: str) -> requests.Response:
        return self.session.post(self.site.url + path, data=fields, allow_redirects=False, timeout=60)

    def sign_in(self, token: str, wanted: str = "/") -> requests.Response:
        return self.post("/sign-in", "/sign-in", token=token, next=wanted)
