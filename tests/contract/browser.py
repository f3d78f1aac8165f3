"""Chromium without a window, by its DevTools protocol over a pair of pipes: no port, no driver, no library.

    with Browser() as browser:
        page = browser.open(path or address, width=360, dark=True)
        page.run("document.title")
"""
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PROGRAM = shutil.which("chromium")
DEADLINE_S = 120  # for one answer, on a machine that has other things to do


class Browser:
    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="alphaloop-browser-")
        there, self.out = os.pipe()
        self.into, back = os.pipe()
        # Chromium reads commands on descriptor 3 and answers on 4. Both come from above, so that neither overwrites the other.
        os.dup2(there, 23), os.dup2(back, 24)
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", 'exec "$0" "$@" 3<&23 4>&24 23<&- 24>&-', PROGRAM, "--headless", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-component-update",
             "--hide-scrollbars", f"--user-data-dir={self.profile}", "--remote-debugging-pipe", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(23, 24))
        for descriptor in (there, back, 23, 24):
            os.close(descriptor)
        self.pending, self.events, self.last = b"", [], 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.out)  # the end of its commands is the end of it
        try:
            self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.into)
        shutil.rmtree(self.profile, ignore_errors=True)

    def message(self):
        until = time.monotonic() + DEADLINE_S
        while b"\0" not in self.pending:
            ready, _, _ = select.select([self.into], [], [], max(until - time.monotonic(), 0))
            data = os.read(self.into, 1 << 16) if ready else b""
            assert data, "chromium does not answer"
            self.pending += data
        text, self.pending = self.pending.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, session=None, **params):
        self.last += 1
        command = {"id": self.last, "method": method, "params": params}
        if session:
            command["sessionId"] = session
        os.write(self.out, json.dumps(command).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.last:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)

    def open(self, path, width, dark=False, height=800):
        return Page(self, path, width, height, dark)


class Page:
    def __init__(self, browser, path, width, height, dark):
        self.browser, self.url = browser, path if str(path).startswith("http:") else "file://" + os.path.abspath(path)
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Page.navigate", url=self.url)
        self.wait("Page.loadEventFired")

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def happened(self, *methods):
        return [e for e in self.browser.events if e.get("sessionId") == self.session and e["method"] in methods]

    def wait(self, method):
        while not self.happened(method):
            self.browser.events.append(self.browser.message())

    def run(self, script):
        """The value of an expression."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, condition):
        """Wait until an expression is true, looking again and again."""
        self.run(f"""new Promise(done => {{
            const look = () => ({condition}) ? done() : setTimeout(look, 10);
            look();
        }})""")

    def reload(self):
        self.browser.events = [e for e in self.browser.events if e["method"] != "Page.loadEventFired"]
        self.call("Page.reload")
        self.wait("Page.loadEventFired")

    def press(self, key, code):
        for kind in ("keyDown", "keyUp"):
            extra = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **extra)

    def requests(self):
        return [e["params"]["request"]["url"] for e in self.happened("Network.requestWillBeSent")]

    def complaints(self):
        return [e["params"] for e in self.happened("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")]
