"""What is said of commands that cannot be run."""

from errno import EACCES, ENOENT

from lasermesh.live.commands import command_trouble


def test_a_file_that_is_not_executable_is_told_from_one_that_is_not_there(tmp_path):
    script = tmp_path / "script.sh"
    script.write_text("#!/nowhere/sh\n")
    for error_number in (ENOENT, EACCES):
        assert command_trouble([str(script)], error_number) == (
            f'"{script}" is not executable; `chmod +x` makes it so'
        )
    script.chmod(0o755)
    assert command_trouble([str(script)], ENOENT).endswith("its first line names is missing")
    assert command_trouble([str(tmp_path / "none")], ENOENT).startswith("there is no command")
    assert command_trouble(["no-such-command"], EACCES).startswith("there is no command")
    assert command_trouble(["/"], EACCES).endswith('"/" cannot be run: Permission denied')
