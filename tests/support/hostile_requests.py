"""A store with requests of all kinds, good and hostile."""

import os
import shutil
from pathlib import Path

from inc_mlflow.files import sha256_file
from inc_mlflow.measure.gate.measurements import OUTCOMES
from inc_mlflow.records import BenchmarkRecord, EvaluationRecord, RequestRecord
from inc_mlflow.records.sealed_arrays import load_raw, save_raw
from inc_mlflow.tracking.requests.requests import write_request
from tests.support import rivals
from tests.support.hostile_files import CARDS, EVIDENCE, MODELS, RAW, REQUESTS

KINDS = [*EVIDENCE, *MODELS, *CARDS, *REQUESTS, "evidence of 5 GB"]


class Zoo:
    """A store with requests of all kinds, made of one honest candidate."""

    def __init__(self, store, measured, folder: Path) -> None:
        self.store, self.measured, self.folder = store, measured, folder
        self.rival = rivals.make(store.client, measured, folder / "rival", 5)
        self._made = 0

    def good(self, name: str) -> str:
        return rivals.request(self.store.client, self.measured, self.rival, name)

    def add(self, kind: str, name: str) -> str:
        """Request a promotion that is of this kind; return the run."""
        if kind in EVIDENCE:
            return self._of_evidence(EVIDENCE[kind], name)
        if kind in REQUESTS:
            run_id = self.good(name)
            REQUESTS[kind](self.store.file(run_id, "request.json"))
            return run_id
        if kind in MODELS:
            return self._of_model({"model.onnx": MODELS[kind]()}, name)
        if kind in CARDS:
            return self._of_model(
                {"model.onnx": self._model().read_bytes(), "MLmodel": CARDS[kind].encode()}, name
            )
        run_id = self.good(name)
        os.truncate(self.store.file(run_id, f"evidence/{RAW}"), 5 << 30)
        return run_id

    def _of_evidence(self, change, name: str) -> str:
        evidence = Path(shutil.copytree(self.rival.evidence, self._folder() / "evidence"))
        change(evidence)
        return self._request(evidence, self.rival.sha256, self.rival.model_id, name)

    def _of_model(self, files: dict[str, bytes], name: str) -> str:
        """Log files under their digest, with the evidence of the good candidate about them."""
        folder = self._folder()
        (folder / "model").mkdir()
        shutil.copyfile(self._model().with_name("MLmodel"), folder / "model" / "MLmodel")
        for path, content in files.items():
            (folder / "model" / path).write_bytes(content)
        sha256 = sha256_file(folder / "model" / "model.onnx")
        client = self.store.client
        logged = client.create_logged_model(
            rivals.experiment(client), "hostile", params={"inc.sha256": sha256}
        )
        client.log_model_artifacts(logged.model_id, str(folder / "model"))
        client.finalize_logged_model(logged.model_id, "READY")
        evidence = Path(shutil.copytree(self.rival.evidence, folder / "evidence"))
        self._about(evidence, sha256, sum(map(len, files.values())))
        return self._request(evidence, sha256, logged.model_id, name)

    def _about(self, evidence: Path, sha256: str, size: int) -> None:
        label = self.measured.judgement.best().recipe
        for kind, folder, name in (
            (EvaluationRecord, "evaluation-local", OUTCOMES),
            (BenchmarkRecord, "benchmark-local", None),
        ):
            name = name or "latencies.npz"
            digest = "outcomes_sha256" if kind is EvaluationRecord else "latencies_sha256"
            record = kind.load(evidence / folder)
            arrays = load_raw(evidence / folder / name, record, getattr(record, digest))
            about = record.evidence.model_copy(update={"models": record.evidence.models | {label: sha256}})
            record = record.model_copy(update={"evidence": about})
            if kind is EvaluationRecord:
                sized = record.results[label].model_copy(update={"size_bytes": size})
                record = record.model_copy(update={"results": record.results | {label: sized}})
            record.model_copy(update={digest: save_raw(evidence / folder / name, record, arrays)}).save(
                evidence / folder
            )

    def _request(self, evidence: Path, sha256: str, model_id: str, name: str) -> str:
        client = self.store.client
        run_id = client.create_run(rivals.experiment(client), run_name=name).info.run_id
        target = self.store.file(run_id, "evidence")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(evidence, target, symlinks=True)
        files = [file for file in evidence.rglob("*") if file.is_file()]
        request = RequestRecord(
            registered_model=name,
            run_id=run_id,
            models={sha256: model_id},
            recipe=self.measured.judgement.best().recipe,
            sha256=sha256,
            measured_against=None,
            policy_sha256=self.measured.judgement.policy_sha256,
            evidence={str(file.relative_to(evidence)): sha256_file(file) for file in files},
        )
        write_request(client, request)
        return run_id

    def _model(self) -> Path:
        uri = self.store.client.get_logged_model(self.rival.model_id).artifact_location
        return self.store.local(uri) / "model.onnx"

    def _folder(self) -> Path:
        self._made += 1
        folder = self.folder / str(self._made)
        folder.mkdir()
        return folder
