"""Results that are computed in processes and kept in a cache, after joblib's examples on `Parallel`, `Memory` and memory maps."""

import joblib
import numpy as np


def column(data: np.ndarray, number: int) -> np.ndarray:
    return np.sort(data[:, number])


def largest(location: str, data: np.ndarray, number: int) -> float:
    cached = joblib.Memory(location, verbose=0).cache(column)
    return float(cached(data, number).max())


def main() -> float:
    data = np.load("data.npy", mmap_mode="r")
    memory = joblib.Memory("cache", verbose=0)
    means = [float(memory.cache(column)(np.asarray(data), number).mean()) for number in range(2)]
    found = joblib.Parallel(n_jobs=2)(
        joblib.delayed(largest)("cache", np.asarray(data), number) for number in range(data.shape[1])
    )
    joblib.dump({"means": means, "largest": found}, "found.joblib.gz", compress=("gzip", 3))
    joblib.dump(np.asarray(data) * 2, "doubled.joblib")
    doubled = joblib.load("doubled.joblib", mmap_mode="r")
    np.savez_compressed("summary.npz", means=means, sums=doubled.sum(axis=0))
    with np.load("summary.npz") as summary:
        np.savetxt("sums.txt", summary["sums"])
    return round(sum(joblib.load("found.joblib.gz")["largest"]), 3)
