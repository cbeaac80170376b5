import numpy as np


def count_cases(gazetteer, sentences):
    return np.zeros((2, len(gazetteer)), np.int64)
