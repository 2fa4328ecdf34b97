"""What a run ran on is read from files, and what differs between two records is told in words."""

from dataclasses import replace

from plimsoll.project.machine import file_list_digest, read_runtime, relevant_variables
from plimsoll.project.runtime_record import RuntimeRecord, runtime_changes

RECORD = """
numpy/__init__.py,sha256=abc,10
numpy/core.so,sha256=def,20
numpy-2.0.dist-info/METADATA,sha256=aaa,30
numpy-2.0.dist-info/RECORD,,
"""


def a_record(**facts):
    record = RuntimeRecord(
        plimsoll="1.0",
        python={"version": "3.11.7"},
        platform={"kernel": "6.1"},
        cpu={"model": "One", "cores": "2"},
        packages={"numpy==2.0": "a" * 64, "scipy==1.0": "b" * 64},
        variables={"OMP_NUM_THREADS": "2"},
        libraries={"libopenblas.so": (2,)},
    )
    return replace(record, **facts)


def test_a_record_names_the_interpreter_the_machine_and_every_package(tmp_path):
    record = read_runtime(tmp_path)
    assert record.python["version"].startswith("3.")
    assert record.python["compiler"]
    assert int(record.cpu["cores"]) >= 1
    assert record.cpu["model"]
    numpy = next(package for package in record.packages if package.startswith("numpy=="))
    assert len(record.packages[numpy]) == 64
    assert not any(package.startswith("plimsoll") for package in record.packages)


def test_lists_of_files_that_did_not_change_are_not_read_again(tmp_path, monkeypatch):
    first = read_runtime(tmp_path)
    monkeypatch.setattr("plimsoll.project.machine.file_list_digest", lambda _: "read again")
    assert read_runtime(tmp_path) == first
    (tmp_path / "packages.json").write_text("{not json")
    assert "read again" in read_runtime(tmp_path).packages.values()


def test_what_an_installer_adds_does_not_make_another_build():
    added = RECORD + (
        "numpy-2.0.dist-info/INSTALLER,sha256=xyz,4\nnumpy/__pycache__/core.cpython-311.pyc,,\n"
        "../../../bin/f2py,sha256=shebang,200\nnumpy-2.0.dist-info/direct_url.json,sha256=x,1\n"
    )
    assert file_list_digest(added) == file_list_digest(RECORD)
    assert file_list_digest(RECORD.replace("def", "deg")) != file_list_digest(RECORD)


def test_only_variables_that_steer_results_are_kept():
    environ = {"OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "0", "AWS_SECRET_ACCESS_KEY": "s", "TF_CLI_CONFIG_FILE": "x"}
    assert relevant_variables(environ) == {"OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "0"}


def test_equal_records_have_no_changes():
    assert runtime_changes(a_record(), a_record()) == ()


def test_each_change_is_named_the_packages_first():
    after = a_record(
        packages={"numpy==2.0": "c" * 64, "scipy==1.1": "b" * 64, "new==1": ""},
        cpu={"model": "Two", "cores": "2"},
        variables={},
        libraries={"libopenblas.so": (1, 2)},
        python={"version": "3.12"},
    )
    assert runtime_changes(a_record(), after) == (
        "package new: none -> 1",
        "package scipy: 1.0 -> 1.1",
        "package numpy==2.0: another build (aaaaaaaaaaaa -> cccccccccccc)",
        "threads of libopenblas.so: 2 -> 1 or 2",
        "CPU model: One -> Two",
        "variable OMP_NUM_THREADS: 2 -> none",
        "Python version: 3.11.7 -> 3.12",
    )
