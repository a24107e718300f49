"""The command `report` on jobs that have nothing to report; tests of a finished job are in test_run.py."""


def test_a_job_that_has_not_run_is_one_line(call, work, tmp_path):
    code, out, err = call("report", work.job, "-o", tmp_path / "report")
    assert (code, out) == (2, "")
    assert f"{work.job}: no stored result of this job" in err
    assert f"inc-mlflow run {work.job}" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "report").exists()


def test_jobs_and_a_folder_are_needed(call, work):
    for arguments in ((work.job,), ("-o", work.folder)):
        code, out, err = call("report", *arguments)
        assert (code, out) == (2, "")
        assert err.count("\n") == 1
