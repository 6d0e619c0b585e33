#!/usr/bin/env python3
"""The page that `precinct report` writes, in headless Chromium: nothing is loaded, nothing is said on the console, the
map is there, the slider moves its colours, a phone can show it, and its figures are those of `precinct forecast`.

Usage: page_test.py PROGRAM SOURCE_FOLDER DEPENDENCIES_FOLDER
Ends with 77 where Playwright (scripts/setup --with-browser) or Chromium is missing. Twins with a planted console line,
script error, image and wide element must fail the same check.
"""
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM, SOURCE, DEPENDENCIES = sys.argv[1:4]
VENV_PYTHON = Path(DEPENDENCIES) / "page-venv" / "bin" / "python"
CHROMIUM = shutil.which("chromium")


def not_run(why):
    print(f"[  SKIPPED ] Page.InABrowser (not run: {why})")
    sys.exit(77)


if not CHROMIUM:
    not_run("no chromium; scripts/setup --with-browser installs it")
try:
    from playwright.sync_api import sync_playwright
except ImportError:
    if not VENV_PYTHON.exists() or os.environ.get("PRECINCT_PAGE_VENV"):
        not_run("no Playwright; scripts/setup --with-browser installs it")
    os.environ["PRECINCT_PAGE_VENV"] = "1"
    os.execv(VENV_PYTHON, [str(VENV_PYTHON), *sys.argv])


def precinct(*words):
    environment = dict(os.environ, OMP_NUM_THREADS="1", PRECINCT_DEPS=DEPENDENCIES)
    done = subprocess.run([PROGRAM, "--quiet", *map(str, words)], capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"precinct {words[0]} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def setUpModule():
    global folder, browser, driver, html, words
    folder = tempfile.TemporaryDirectory(prefix="precinct-page-")
    at = Path(folder.name)
    data = Path(SOURCE) / "data" / "west_la"
    precinct("ingest", "--profile", "lapd", "--boundaries", data / "districts.geojson.xz", "--out", at / "panel.h5",
             data / "incidents.csv.xz")
    precinct("train", Path(SOURCE) / "configs" / "west_la" / "dnn.yaml", "--set", f"data.panel={at / 'panel.h5'}",
             "--set", "train.epochs=1", "--set", "evaluate.bootstrap.replicates=200", "--run-dir", at / "dnn")
    words = json.loads(precinct("report", at / "dnn", "--out", at / "new" / "report.html", "--json"))
    html = (at / "new" / "report.html").read_text()
    driver = sync_playwright().start()
    flags = ["--disable-gpu"] + (["--no-sandbox"] if os.geteuid() == 0 else [])
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=flags)


def tearDownModule():
    browser.close()
    driver.stop()
    folder.cleanup()


class Visit:
    """An opened page, with everything that it said, asked for and failed at."""

    def __init__(self, text, scheme="light", phone=False):
        self.console, self.requests, self.errors = [], [], []
        size = {"width": 390, "height": 844} if phone else {"width": 1280, "height": 900}
        self.context = browser.new_context(viewport=size, is_mobile=phone, has_touch=phone, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.console.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        file = Path(folder.name) / "visit.html"
        file.write_text(text)
        own = file.as_uri()
        self.page.on("request", lambda request: self.requests.append(request.url)
                     if request.url != own and not request.url.startswith(("data:", "blob:")) else None)
        self.page.goto(own)
        self.page.wait_for_selector("body[data-ready=yes]", state="attached", timeout=60000)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()

    def findings(self):
        """What a page of ours must not do."""
        found = [f"console: {text}" for text in self.console] + [f"error: {text}" for text in self.errors]
        found += [f"request: {url}" for url in self.requests]
        width, shown = self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        if width != shown:
            found.append(f"width: {width} px in a window of {shown} px")
        return found

    def fills(self):
        return self.page.eval_on_selector_all("#map .js-fill", "paths => paths.map(p => getComputedStyle(p).fill)")

    def use_everything(self):
        """Each control once."""
        for box in ("layer", "category", "model", "district"):
            for value in self.page.eval_on_selector_all(f"#{box} option", "o => o.map(x => x.value)")[:4]:
                self.page.select_option(f"#{box}", value)
        self.page.select_option("#layer", "bin")
        for key in ("ArrowRight", "End", "Home"):
            self.page.press("#time", key)
        for summary in self.page.query_selector_all("summary"):
            summary.click()


class Page(unittest.TestCase):
    def test_loads_nothing_says_nothing_and_fails_at_nothing(self):
        for scheme in ("light", "dark"):
            with Visit(html, scheme) as visit:
                visit.use_everything()
                self.assertEqual(visit.findings(), [])

    def test_a_planted_console_line_is_noticed(self):
        with Visit(html.replace("</body>", "<script>console.warn('planted')</script></body>")) as visit:
            self.assertEqual(visit.findings(), ["console: planted"])

    def test_a_planted_script_error_is_noticed(self):
        with Visit(html.replace("</body>", "<script>throw new Error('planted')</script></body>")) as visit:
            self.assertTrue(any("planted" in f and f.startswith("error:") for f in visit.findings()), visit.findings())

    def test_a_planted_image_is_noticed_and_refused(self):
        planted = html.replace("</main>", "<img src='http://127.0.0.1:9/planted.png' alt=''></main>")
        with Visit(planted) as visit:  # the content security policy names it on the console
            self.assertTrue(any("planted.png" in f and "Content Security Policy" in f for f in visit.findings()),
                            visit.findings())
        open_page = re.sub(r"<meta http-equiv=Content-Security-Policy[^>]*>", "", planted)
        self.assertNotEqual(open_page, planted)
        with Visit(open_page) as visit:  # and without it, the request is seen
            self.assertTrue(any(f.startswith("request:") and "planted.png" in f for f in visit.findings()),
                            visit.findings())

    def test_a_planted_wide_element_is_noticed_on_a_phone(self):
        with Visit(html.replace("</main>", "<div style='width:500px'>wide</div></main>"), phone=True) as visit:
            self.assertTrue(any(f.startswith("width:") for f in visit.findings()), visit.findings())

    def test_a_phone_shows_it_without_sideways_scrolling(self):
        for scheme in ("light", "dark"):
            with Visit(html, scheme, phone=True) as visit:
                visit.use_everything()
                self.assertEqual(visit.page.evaluate("document.documentElement.scrollWidth"), 390)
                self.assertEqual(visit.findings(), [])
                for box in ("map", "series", "time", "district"):
                    rect = visit.page.locator(f"#{box}").bounding_box()
                    self.assertGreaterEqual(rect["x"], 0)
                    self.assertLessEqual(rect["x"] + rect["width"], 390)

    def test_the_map_has_every_district_and_a_legend_with_a_unit(self):
        with Visit(html) as visit:
            self.assertEqual(len(visit.fills()), 69)
            self.assertGreater(len(set(visit.fills())), 20)
            self.assertEqual(visit.page.text_content("#legend-unit"), "expected incidents per day, all categories")

    def test_the_slider_moves_the_colours_by_keyboard(self):
        with Visit(html) as visit:
            for layer in ("bin", "past"):
                visit.page.select_option("#layer", layer)
                visit.page.focus("#time")
                visit.page.keyboard.press("Home")
                fills, label = visit.fills(), visit.page.text_content("#time-text")
                visit.page.keyboard.press("ArrowRight")
                self.assertNotEqual(visit.fills(), fills)
                self.assertNotEqual(visit.page.text_content("#time-text"), label)
                self.assertEqual(visit.page.get_attribute("#time", "aria-valuetext"), visit.page.text_content("#time-text"))
                visit.page.keyboard.press("ArrowLeft")
                self.assertEqual(visit.fills(), fills)

    def test_hovering_names_the_district_with_its_range(self):
        with Visit(html) as visit:
            box = visit.page.locator("#map").bounding_box()
            texts = set()
            for part in (.35, .5, .65):
                visit.page.mouse.move(box["x"] + part * box["width"], box["y"] + .55 * box["height"], steps=3)
                visit.page.wait_for_timeout(120)  # Plotly answers to a pointer that rests
                texts |= set(visit.page.locator("#map .hovertext").all_text_contents())
            self.assertTrue(any(re.search(r"district \d+.*expected per day.*90 % range: \d+ to \d+", t) for t in texts), texts)

    def test_figures_are_those_of_the_forecast_command(self):
        at = Path(folder.name)
        precinct("forecast", "--artifact", at / "dnn", "--panel", at / "panel.h5", "--out", at / "week.csv")
        with open(at / "week.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        with Visit(html) as visit:
            model = visit.page.evaluate("report.models[0]")
            names = visit.page.evaluate("report.names")
            categories = visit.page.evaluate("report.categories")
        self.assertEqual(model["name"], "dnn")
        bins = sorted({row["bin_start"] for row in rows})
        self.assertEqual(len(rows), 7 * 69 * 3)
        for row in rows:
            h, n = bins.index(row["bin_start"]), names.index("district " + row["district"])
            c = categories.index(row["category"])
            self.assertAlmostEqual(model["mean"][(h * 69 + n) * 3 + c], float(row["mean"]), delta=6e-5)
            self.assertEqual(model["low"][(h * 69 + n) * 4 + c], float(row["p05"]))
            self.assertEqual(model["high"][(h * 69 + n) * 4 + c], float(row["p95"]))

    def lines(self, visit, plot):
        """What is drawn in a plot: per line its name, number of points, box on the screen, colour and width."""
        return visit.page.evaluate("""plot => { const at = document.getElementById(plot);
            return [...at.querySelectorAll('.scatterlayer .trace')].map((trace, i) => {
              const line = trace.querySelector('.js-line'), style = getComputedStyle(line), box = line.getBoundingClientRect();
              return {name: at._fullData[i].name, points: at._fullData[i].x.length, width: box.width, height: box.height,
                      stroke: parseFloat(style.strokeWidth), visible: style.stroke !== 'none' && +style.opacity > 0}; }); }""", plot)

    def test_bins_that_were_not_observed_are_neither_drawn_nor_counted(self):
        head, tail = html.split("var report=", 1)
        gaps = "report.testActual.fill(null,0,3*report.categories.length);"
        planted = head + "var report=" + tail.replace(";</script>", ";" + gaps + "</script>", 1)
        with Visit(planted) as visit:
            bins = visit.page.evaluate("report.testBins.length")
            self.assertRegex(visit.page.text_content("#series-text"), f" of {bins - 3} observed bins ")
            drawn = visit.page.evaluate("document.getElementById('series').data.find(t => t.name === 'recorded').y")
            self.assertEqual([y is None for y in drawn], [True] * 3 + [False] * (bins - 3))
        with Visit(html) as visit:
            self.assertRegex(visit.page.text_content("#series-text"), f" of {bins} bins ")

    def test_the_band_and_the_lines_of_the_test_range_are_drawn(self):
        for scheme in ("light", "dark"):
            with Visit(html, scheme) as visit:
                bins = visit.page.evaluate("report.testBins.length")
                self.assertGreater(bins, 90)
                lines = {line["name"]: line for line in self.lines(visit, "series")}
                for name in ("recorded", "dnn"):
                    line = lines[name]
                    self.assertTrue(line["visible"] and line["stroke"] >= 1, line)
                    self.assertEqual(line["points"], bins)
                    self.assertGreater(line["width"], 600)
                    self.assertGreater(line["height"], 10)
                fill, box, around = visit.page.evaluate("""() => {
                    const band = document.querySelector('#series .scatterlayer .js-fill'), style = getComputedStyle(band);
                    const size = box => [box.width, box.height];
                    return [[style.fill, +style.fillOpacity], size(band.getBoundingClientRect()),
                            size(document.querySelector('#series .cartesianlayer').getBoundingClientRect())]; }""")
                self.assertNotEqual(fill[0], "none")
                self.assertGreater(fill[1], .05)
                self.assertGreater(box[0], 600)
                self.assertGreater(box[1], .3 * around[1])
                # the band that is drawn is the one whose share is written below it
                inside = visit.page.evaluate("""() => { const [high, low, recorded] = document.getElementById('series').data;
                    return recorded.y.filter((y, t) => y >= low.y[t] && y <= high.y[t]).length; }""")
                self.assertIn(f"Inside the 90 % band: {inside} of {bins} bins", visit.page.text_content("#series-text"))

    def test_the_curves_that_are_drawn_are_those_of_the_run(self):
        steps = [json.loads(line) for line in (Path(folder.name) / "dnn" / "metrics.jsonl").read_text().splitlines()]
        validation = [step["val/NLL"] for step in steps if "val/NLL" in step and step["phase"] == "fit"]
        self.assertEqual(len(validation), 2)  # before the first epoch and after it
        with Visit(html) as visit:
            lines = self.lines(visit, "curves")
            self.assertEqual([line["name"] for line in lines], ["dnn, validation NLL", "dnn, training loss"])
            self.assertTrue(lines[0]["visible"] and lines[0]["stroke"] >= 1, lines[0])
            self.assertGreater(lines[0]["width"], 300)
            self.assertEqual([line["points"] for line in lines], [2, 1])
            for drawn, expected in zip(visit.page.evaluate("document.getElementById('curves').data[0].y"), validation, strict=True):
                self.assertAlmostEqual(drawn, expected, delta=1e-4)

    def test_inspect_verifies_the_run_and_notices_a_flipped_bit(self):
        at = Path(folder.name)
        found = json.loads(precinct("inspect", at / "dnn", "--json"))
        self.assertTrue(found["finished"] and found["artifact"]["verified"])
        self.assertEqual(found["artifact"]["weights"]["not_finite"], 0)
        self.assertEqual(len(found["curves"]["val/NLL"]), 2)  # before the first epoch and after it
        shutil.copytree(at / "dnn" / "artifact", at / "damaged")
        weights = bytearray((at / "damaged" / "model.safetensors").read_bytes())
        weights[-5] ^= 1
        (at / "damaged" / "model.safetensors").write_bytes(weights)
        done = subprocess.run([PROGRAM, "inspect", at / "damaged"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (3, "", 1))
        self.assertIn("model.safetensors", done.stderr)

    def test_a_reader_is_told_what_must_be_known(self):
        with Visit(html) as visit:
            text = visit.page.inner_text("body").replace("\xa0", " ")
        self.assertFalse(words["better_than_reference"])  # one epoch learns next to nothing
        self.assertIn("no better than the baseline gamma_poisson", text)
        self.assertIn(words["verdict"], text)
        self.assertIn("The weights that were evaluated also make this forecast", text)
        for sentence in ("Places, not persons", "Recorded incidents are not all incidents",
                         "12,954 read = 12,954 accepted + 0 rejected + 0 duplicates", "Inside the 90 % band:"):
            self.assertIn(sentence, text)
        for baseline in ("last_value", "seasonal_naive", "historical_mean", "gamma_poisson"):
            self.assertIn(baseline, text)

    def test_text_stands_out_from_its_ground(self):
        ratio = """() => { function lum(c) { const v = c.match(/[\\d.]+/g).slice(0, 3).map(x => { x /= 255;
            return x <= .03928 ? x / 12.92 : Math.pow((x + .055) / 1.055, 2.4); });
            return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; }
          const root = getComputedStyle(document.querySelector('section')).backgroundColor;
          return ['.meta', 'td', 'h2', 'summary', 'label', '#district-text'].map(s => {
            const a = lum(getComputedStyle(document.querySelector('section ' + s)).color), b = lum(root);
            return [s, (Math.max(a, b) + .05) / (Math.min(a, b) + .05)]; }); }"""
        for scheme in ("light", "dark"):
            with Visit(html, scheme) as visit:
                for name, value in visit.page.evaluate(ratio):
                    self.assertGreater(value, 4.5, f"{name} in {scheme}")

    def test_it_prints_in_light_colours_with_its_plots_inside_the_sheet(self):
        with Visit(html, "dark") as visit:
            visit.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
            visit.page.emulate_media(media="print")
            ground = visit.page.evaluate("getComputedStyle(document.querySelector('section')).backgroundColor")
            self.assertEqual(ground, "rgb(255, 255, 255)")
            wide = visit.page.eval_on_selector_all(".main-svg", "list => Math.max(...list.map(x => x.clientWidth))")
            self.assertLessEqual(wide, 680)
            self.assertGreater(len(visit.page.pdf(format="A4")), 50000)
            visit.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
            self.assertEqual(visit.findings(), [])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
