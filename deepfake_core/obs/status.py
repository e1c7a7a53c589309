"""A filter's state in words for the properties dialog, and in figures for tools."""

import json

from deepfake_core.obs import libobs
from deepfake_core.obs.filter import Filter

WAITING = "Waiting for the camera's first frame."


def text(live: Filter) -> str:
    """A few lines for the user."""
    snapshot, pipeline, error = live.status()
    if not snapshot.frames_in:
        lines = [WAITING]
    else:
        lines = [
            f"{snapshot.fps_in:.0f} frames/s in, {snapshot.fps_out:.0f} out; {snapshot.drops} dropped",
            f"Latency {snapshot.latency_p50_ms:.0f} ms (p95 {snapshot.latency_p95_ms:.0f} ms); "
            f"graphics thread {snapshot.graphics_p50_us / 1e3:.1f} ms (p99 {snapshot.graphics_p99_us / 1e3:.1f} ms)",
        ]
    if pipeline.provider:
        lines.append(f"Runs on: {pipeline.provider}; face drawn at {pipeline.resolution} px")
    else:
        lines.append("Runs on: nothing yet")
    if error == snapshot.last_error and error:
        error = f"{error} ({snapshot.last_error_seconds:.0f} s ago)"
    lines.append(f"Last error: {error or 'none'}")
    return "\n".join(lines)


def record(live: Filter, source: int) -> str:
    """One JSON line; source: the filter's obs_source_t, held by the caller."""
    snapshot, pipeline, error = live.status()
    return json.dumps(
        {
            "source": live.parent_name,
            "filter": libobs.name(source),
            "frames_in": snapshot.frames_in,
            "frames_out": snapshot.frames_out,
            "frames_swapped": pipeline.frames_swapped,
            "frames_without_result": pipeline.frames_without_result,
            "drops": snapshot.drops,
            "fps_in": round(snapshot.fps_in, 2),
            "fps_out": round(snapshot.fps_out, 2),
            "latency_ms_p50": round(snapshot.latency_p50_ms, 2),
            "latency_ms_p95": round(snapshot.latency_p95_ms, 2),
            "filter_video_us_p50": round(snapshot.graphics_p50_us, 1),
            "filter_video_us_p99": round(snapshot.graphics_p99_us, 1),
            "provider": pipeline.provider,
            "identity": pipeline.identity,
            "last_error": error or None,
        }
    )
