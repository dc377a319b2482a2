# SPDX-License-Identifier: MIT
"""Refusals: what this architecture cannot represent exactly is named, never approximated."""

from __future__ import annotations

KEEP = "run this model with mace-torch itself"

# Classes of mace-torch that compute something else, and what a user can do. Everything not listed here or read by the
# importer is refused as unknown.
REASONS = {
    "RealAgnosticResidualNonLinearInteractionBlock": f"interactions with gates are not converted; {KEEP}",
    "RealAgnosticAttResidualInteractionBlock": f"interactions with attention are not converted; {KEEP}",
    "NonLinearBiasReadoutBlock": f"readouts with biases are not converted; {KEEP}",
    "GeneralNonLinearBiasReadoutBlock": f"readouts with biases are not converted; {KEEP}",
    "GenericJointEmbedding": f"joint embeddings (charge, spin, temperature, ..) are not converted; {KEEP}",
    "AtomicDipolesMACE": f"dipole models are not converted; {KEEP}",
    "EnergyDipolesMACE": f"dipole models are not converted; {KEEP}",
    "AtomicDielectricMACE": f"dipole and polarisability models are not converted; {KEEP}",
    "PolarMACE": f"polar models are not converted; {KEEP}",
    "MACELES": f"models with latent Ewald sums are not converted; {KEEP}",
    "LoRAO3Linear": "merge its LoRA weights first (merge_lora_weights of mace.modules.lora) and save it again",
    "LoRADenseLinear": "merge its LoRA weights first (merge_lora_weights of mace.modules.lora) and save it again",
    "LoRAFCLayer": "merge its LoRA weights first (merge_lora_weights of mace.modules.lora) and save it again",
}

# Members of the model that add something to its energies.
MEMBERS = {
    "joint_embedding": f"joint embeddings (charge, spin, temperature, ..) are not converted; {KEEP}",
    "embedding_specs": f"joint embeddings (charge, spin, temperature, ..) are not converted; {KEEP}",
    "embedding_readout": f"embedding readouts are not converted; {KEEP}",
    "les": f"models with latent Ewald sums are not converted; {KEEP}",
}


class ImportRefused(ValueError):
    """The file is no MACE model that can be converted exactly; the message says what stands against it and what to
    do."""


def unknown_class(where: str, name: str, expected: tuple[str, ...]) -> ImportRefused:
    """Refusal of a module of class ``name`` (qualified) at ``where`` of the module tree."""
    short = name.rsplit(".", 1)[-1]
    reason = REASONS.get(short)
    if reason is None:
        known = " or ".join(entry.rsplit(".", 1)[-1] for entry in expected)
        reason = f"here only {known} can be converted; {KEEP}"
    return ImportRefused(f"{where or 'the model'} is of class {short}: {reason}")
