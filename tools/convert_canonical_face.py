"""Make models/facemesh/canonical_face.safetensors from mediapipe's canonical_face_model.obj.

    python3 tools/convert_canonical_face.py FILE

FILE is mediapipe/modules/face_geometry/data/canonical_face_model.obj of google/mediapipe (Apache-2.0); it is
checked by SHA-256. The result is listed in models/manifest.json. Run twice, it writes the same bytes.
"""

from __future__ import annotations

from environment import run_inside

run_inside("cpu")

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from deepfake_core.inference.manifest import MODELS_DIR, Manifest

SHA256 = "8bac80443397e113f41a8b565ea72c59390bc031d9defab289dba7bc0c54e618"
SOURCE = "google/mediapipe, mediapipe/modules/face_geometry/data/canonical_face_model.obj"


def parse_obj(text: str) -> dict[str, np.ndarray]:
    """The mesh of a Wavefront file whose faces are triangles with one texture point per vertex.

    Returns vertices float32 (V, 3), uv float32 (V, 2) with v upwards, triangles uint16 (T, 3).
    """
    rows: dict[str, list[list[str]]] = {"v": [], "vt": [], "f": []}
    for line in text.splitlines():
        key, _, rest = line.partition(" ")
        if key in rows:
            rows[key].append(rest.split())
    corners = np.array([[corner.split("/") for corner in face] for face in rows["f"]], dtype=np.int64) - 1
    vertices = np.array(rows["v"], dtype=np.float32)
    uv = np.zeros((len(vertices), 2), dtype=np.float32)
    uv[corners[..., 0]] = np.array(rows["vt"], dtype=np.float32)[corners[..., 1]]
    return {"vertices": vertices, "uv": uv, "triangles": corners[..., 0].astype(np.uint16)}


def main() -> None:
    """Convert and list the mesh."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", type=Path, help="canonical_face_model.obj")
    parser.add_argument("--models", type=Path, default=MODELS_DIR, help="the models directory to write to")
    arguments = parser.parse_args()
    try:
        data = arguments.file.read_bytes()
    except OSError as error:
        sys.exit(f"{arguments.file} cannot be read; give canonical_face_model.obj of google/mediapipe. ({error})")
    if hashlib.sha256(data).hexdigest() != SHA256:
        sys.exit(f"{arguments.file} is not the canonical_face_model.obj that is known; take it from {SOURCE}.")

    target = arguments.models / "facemesh" / "canonical_face.safetensors"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(save(parse_obj(data.decode("ascii"))))
    entry = Manifest.add(
        target,
        licence="Apache-2.0",
        source=SOURCE,
        made_by="python3 tools/convert_canonical_face.py FILE",
        models_dir=arguments.models,
    )
    print(f"{entry.path}: {entry.bytes} bytes, sha256 {entry.sha256}")


if __name__ == "__main__":
    main()
