"""Many clients at once on a running page, on loopback: errors, p50 and p95, memory and temporary files.

    python -m scripts.load_test [--clients 16] [--seconds 120] [--at-rest]

It starts app.py (the checkpoint is HFSKIN_MODEL's, default the embedded one). First come answers at rest: the page's
own with its overlay, in the process, and `/predict` of one client. Then all clients ask `/predict` without a pause, in
visits of ten questions, each about a file that was never sent before (an example lesion with a number at its end).
Growth of memory and of temporary files is counted from the end of a warm-up of the same load.

The exit code is 1 after an error, a growth beyond 5 %, or answers at rest that take 100 ms or more (of a picture of 12
megapixels 300 ms).
"""

import argparse
import itertools
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from gradio_client import Client, handle_file
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "hfskin" / "demo" / "examples").glob("*.jpg"))
WARM_UP = 30  # seconds
VISIT = 10  # questions
GROWTH = 0.05  # limit of memory and files
AT_REST, CAMERA_AT_REST = 100, 300  # limits, ms
SETTLE = 10  # seconds
NUMBERS = itertools.count()


def start_page(temporary: Path) -> tuple[subprocess.Popen, str]:
    """app.py on a free port of this machine, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(temporary)}
    page = subprocess.Popen(
        [sys.executable, "app.py"], cwd=ROOT, env={**os.environ, **settings}, stdout=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}/"
    while page.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return page, url
        except OSError:
            time.sleep(0.5)
    raise SystemExit("app.py did not start")


def ask_for(url: str, seconds: float, clients: int, folder: Path) -> tuple[list[float], list[str]]:
    """Seconds of every answer, and the errors, of clients that ask without a pause; `folder` holds their pictures."""
    times, errors = [], []
    until = time.monotonic() + seconds

    def visit(client: Client) -> None:
        for number in itertools.islice(NUMBERS, VISIT):
            if time.monotonic() > until:
                return
            picture = folder / f"{number}.jpg"
            picture.write_bytes(EXAMPLES[number % len(EXAMPLES)].read_bytes() + str(number).encode())
            started = time.monotonic()
            client.predict(handle_file(picture), 50, "male", "back", api_name="/predict")
            times.append(time.monotonic() - started)
            picture.unlink()

    def ask() -> None:
        while time.monotonic() < until:
            try:
                client = Client(url, verbose=False, download_files=False)
                try:
                    visit(client)
                finally:
                    client.close()
            except Exception as error:  # whatever goes wrong is what this script counts
                errors.append(repr(error))

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, errors


def memory(process: subprocess.Popen) -> int:
    """Resident bytes of a process (Linux)."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def wait_until_warm(page: subprocess.Popen) -> None:
    """Until the page's memory stands still: it makes Grad-CAM ready after the start."""
    before, since = 0, time.monotonic()
    while time.monotonic() < since + SETTLE:
        time.sleep(1)
        now = memory(page)
        if abs(now - before) > 10**6:
            before, since = now, time.monotonic()


def files_left(folder: Path) -> int:
    """Number of files below a folder once the page has noticed that all visits are over; it gets a minute for that."""
    until = time.monotonic() + 60
    while (number := sum(path.is_file() for path in folder.rglob("*"))) and time.monotonic() < until:
        time.sleep(1)
    return number


def growth(name: str, before: float, after: float) -> bool:
    """Prints how much a quantity grew, and says whether that is too much."""
    share = (after - before) / before if before else float(after > 0)
    print(f"{name}: {before:.1f} -> {after:.1f} ({100 * share:+.1f} %)")
    return share > GROWTH


def answers_at_rest(pictures: list[Path]) -> float:
    """Median milliseconds of the page's own answers, overlay included, one after the other."""
    from hfskin.demo.checkpoints import Checkpoints
    from hfskin.demo.look import ATTENTION, Question, look
    from hfskin.words import en

    checkpoints, times = Checkpoints(os.environ.get("HFSKIN_MODEL")), []
    for i in range(30):
        started = time.perf_counter()
        look(checkpoints, Question(str(pictures[i % len(pictures)]), (50, "male", "back")), ATTENTION, None, en)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times[5:])  # the first ones warm up


def enlarge(picture: Path, folder: Path) -> Path:
    """The picture as a camera of 12 megapixels would have taken it."""
    path = folder / "camera.jpg"
    Image.open(picture).resize((4000, 3000), Image.Resampling.BICUBIC).save(path, quality=90)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--at-rest", action="store_true", help="Only the answers at rest, in the process.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, tempfile.TemporaryDirectory() as pictures:
        at_rest = answers_at_rest(EXAMPLES)
        load = f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        print(f"answer and overlay, at rest, in the process: median {at_rest:.0f} ms ({load})")
        camera = answers_at_rest([enlarge(EXAMPLES[0], Path(pictures))])
        print(f"the same for a picture of 12 megapixels: median {camera:.0f} ms")
        if options.at_rest:
            sys.exit(at_rest >= AT_REST or camera >= CAMERA_AT_REST)
        page, url = start_page(Path(temporary))
        try:
            wait_until_warm(page)
            alone, early = ask_for(url, 5, 1, Path(pictures))
            print(f"one client over HTTP: median {1000 * statistics.median(alone[3:]):.0f} ms")
            _, warming = ask_for(url, WARM_UP, options.clients, Path(pictures))
            files_before, memory_before = files_left(Path(temporary)), memory(page)
            times, errors = ask_for(url, options.seconds, options.clients, Path(pictures))
            files_after, memory_after = files_left(Path(temporary)), memory(page)
        finally:
            page.terminate()
            page.wait(20)
    errors += early + warming
    cuts = statistics.quantiles(times, n=20)
    rate = len(times) / options.seconds
    print(f"{options.clients} clients, {options.seconds:.0f} s: {len(times)} answers, {len(errors)} errors")
    print(f"p50 {1000 * cuts[9]:.0f} ms, p95 {1000 * cuts[18]:.0f} ms, {rate:.1f} answers a second")
    grown = [
        growth("memory, MB", memory_before / 1e6, memory_after / 1e6),
        growth("temporary files", files_before, files_after),
    ]
    for error in sorted(set(errors))[:5]:
        print("error:", error)
    sys.exit(bool(errors or any(grown) or at_rest >= AT_REST or camera >= CAMERA_AT_REST))


if __name__ == "__main__":
    main()
