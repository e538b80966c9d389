from workbench.modes import MODES


async def test_starts_at_home_and_every_place_has_a_tab(make_app):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.current_mode == "home"
        await pilot.press("2")
        assert app.current_mode == "preset"
        await pilot.press("alt+1")
        assert app.current_mode == "home"
        tabs = [str(tab.render()) for tab in app.screen.query("_Tab")]
        assert tabs == [f"{mode.key} {mode.title}" for mode in MODES]


async def test_help_lists_the_keys_that_work_here(make_app):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f1")
        text = str(app.screen.query_one("Static").render())
        assert "Go to Inspect" in text
        assert "Quit" in text
        await pilot.press("escape")
        assert app.current_mode == "home"


async def test_an_error_can_be_read_in_full_and_copied(make_app):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.report("No \x1b[2Jsuch [b]column[/b].", "data.jsonl:3", "Name it.", details="row {…}")
        await pilot.pause()
        await pilot.press("!")
        text = "\n".join(str(static.render()) for static in app.screen.query("Static"))
        assert "No ␛[2Jsuch [b]column[/b]." in text
        assert "data.jsonl:3" in text
        assert "row {…}" in text
        await pilot.press("c")
        assert app.clipboard == "No \x1b[2Jsuch [b]column[/b].\ndata.jsonl:3\nName it.\nrow {…}"
