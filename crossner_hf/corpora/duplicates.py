import hashlib
import numpy as np


def sentence_key(text):
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def labelled_key(text):
    return sentence_key("".join(text.split()).lower())


def labelled_keys(domains, data_dir):
    return np.zeros(0, np.uint64)


def write_sorted_hashes(path, keys):
    k = np.array(keys, np.uint64)
    o = np.argsort(k, kind="stable")
    np.save(path, np.stack([k[o], o.astype(np.uint64)]))


def mark_repeats(hash_files, keep_files):
    seen = set()
    for h, f in zip(hash_files, keep_files):
        a = np.load(h)
        keep = np.ones(a.shape[1], bool)
        for k, o in sorted(zip(a[0].tolist(), a[1].tolist()), key=lambda x: x[1]):
            if k in seen:
                keep[o] = False
            seen.add(k)
        np.save(f, keep)
