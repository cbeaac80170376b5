"""The first mutants of `make fuzz`."""

from fuzz.runner import mutant_of, problem_with, shared_out
from fuzz.targets import make_targets


def test_a_mutant_of_any_file_gives_a_result_or_one_sentence_with_the_place(tmp_path):
    targets = make_targets(tmp_path)
    mutants = {(name, number): mutant_of(name, targets[name], 0, number) for name, number in shared_out(targets, 300)}
    problems = {key: problem_with(targets[key[0]], content) for key, content in mutants.items()}
    assert {key: problem for key, problem in problems.items() if problem} == {}
