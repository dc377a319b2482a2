# SPDX-License-Identifier: MIT
"""Thermal conductivity from the heat flux that flux.in wrote, by the formula of Green and Kubo.

    kappa = 1 / (3 V k T^2)  integral over t of <J(0) . J(t)>

The flux is cut into blocks, which give the mean and its error. The integral ends at --window, which should be some
times as long as the correlation lasts (see conductivity.txt: time in ps, correlation, integral).
"""

import argparse

import numpy as np

BOLTZMANN = 8.617333e-5  # eV/K
EV_PER_PS_ANGSTROM_K = 1602.176634  # in W/(m K)


def correlation(flux: np.ndarray, length: int) -> np.ndarray:
    """<J(0) . J(t)> at ``length`` lags, by Fourier transform."""
    n = len(flux)
    spectrum = np.abs(np.fft.rfft(flux, 2 * n, axis=0)) ** 2
    return np.fft.irfft(spectrum, axis=0)[:length].sum(axis=1) / np.arange(n, n - length, -1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", default=["flux.txt"])
    parser.add_argument("--window", type=float, default=6.0, help="ps")
    parser.add_argument("--blocks", type=int, default=5, help="per file")
    chosen = parser.parse_args()
    curves = []
    for path in chosen.files:
        _, time, temperature, volume, *flux = np.loadtxt(path).T
        step = time[1] - time[0]
        length = round(chosen.window / step) + 1
        unit = EV_PER_PS_ANGSTROM_K / (3 * volume.mean() * BOLTZMANN * temperature.mean() ** 2)
        for block in np.array_split(np.stack(flux, axis=1), chosen.blocks):
            if len(block) < 2 * length:
                parser.error(f"{path} is too short for {chosen.blocks} blocks of two windows of {chosen.window} ps")
            curves.append(unit * correlation(block, length))
    mean = np.mean(curves, axis=0)
    integrals = np.array([np.concatenate([[0.0], np.cumsum(0.5 * (c[1:] + c[:-1])) * step]) for c in curves])
    error = integrals[:, -1].std(ddof=1) / np.sqrt(len(curves))
    np.savetxt("conductivity.txt", np.stack([step * np.arange(length), mean, integrals.mean(axis=0)], axis=1))
    print(f"{integrals[:, -1].mean():.3f} +- {error:.3f} W/(m K) from {len(curves)} blocks")


if __name__ == "__main__":
    main()
