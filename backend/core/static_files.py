"""Static files: Swagger's from its wheel, known at the start, and the web UI's, which may be built later.

`make up` serves while the web UI is still being built, and a rebuild changes the names of its assets, so files
of the dist folder are looked up when asked for. What lies under /assets has its content's hash in its name:
it is remembered, and browsers may keep it for ever.
"""

import asyncio
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from servestatic.middleware import ServeStaticMiddleware
from servestatic.responders import IsDirectoryError, MissingFileError, StaticFile

ASSETS = "/assets/"


class StaticFiles(ServeStaticMiddleware):  # type: ignore[misc]
    async def __call__(self, request: HttpRequest) -> Any:
        url = request.path_info
        if url not in self.files and "." in url.rpartition("/")[2]:
            found = await asyncio.to_thread(self._built_file, url)
            if found is not None and url.startswith(ASSETS):
                self.files[url] = found
            elif found is not None:
                return await self.aserve(found, request)
        return await super().__call__(request)

    def _built_file(self, url: str) -> StaticFile | None:
        root = Path(settings.FRONTEND_DIST)
        path = root / url.lstrip("/")
        if not self.url_is_canonical(url) or path.name == "index.html" or not self.path_within_root(root, path):
            return None
        try:
            return self.find_file_at_path(str(path), url)
        except (MissingFileError, IsDirectoryError):
            return None

    def immutable_file_test(self, path: str, url: str) -> bool:
        return url.startswith(ASSETS)
