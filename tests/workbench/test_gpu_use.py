from workbench.gpu_use import parse


def test_what_nvidia_smi_lists_is_read():
    first, second = parse("0, 93, 41230, 81559, 64\n1, 0, 3, 81559, [N/A]\n")
    assert (first.index, first.percent, round(first.used_gib, 1), round(first.total_gib, 1)) == (0, 93, 40.3, 79.6)
    assert (first.celsius, second.celsius) == (64, None)


def test_a_gpu_that_does_not_tell_is_left_out():
    assert parse("0, [N/A], 3, 4, 5\nnonsense\n\n") == ()
