"""What a prepared sample holds, on disk and in memory."""

from __future__ import annotations

SAMPLE_SIZE = 208
"""Side of a sample's pictures in px; they keep a margin around what the networks see, so that training can move it."""
NETWORK_PART = 192
"""Side of the middle part of a sample that is the networks' 21.5 cm crop."""
CHANNELS = {
    "driver": 3,
    "driver_person": 1,
    "driver_skin": 1,
    "target": 3,
    "target_head": 1,
    "target_face": 1,
    "target_known": 1,
    "target_emphasis": 1,
    "template": 3,
    "template_alpha": 1,
    "template_face": 1,
    "identity_skin": 1,
    "normals": 3,
    "openings": 1,
}
"""Arrays uint8 (208, 208[, 3]) and their channels: pictures BGR, masks 0..255, normals n * 127 + 128; openings from
`regions.eyes_and_mouth`. "target" is the identity at the driver's expression, pose and light; "target_known" is 0
where something hides it. Geometry, template and skin are the identity's."""
