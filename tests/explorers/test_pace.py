"""Previews shrink where a setting is dear, and grow again where it is not."""

from k8snet_lessons.explorers._pace import BUDGET_S, FEWEST, Pace


def drive(pace: Pace, seconds_a_request: float, moves: int = 20) -> list[int]:
    sizes = []
    for _ in range(moves):
        sizes.append(pace.requests)
        pace.took(pace.requests * seconds_a_request)
    return sizes


def test_a_cheap_setting_keeps_the_size_asked_for():
    assert set(drive(Pace(10_000), 5e-7)) == {10_000}


def test_a_dear_setting_fits_the_budget_after_one_move():
    sizes = drive(Pace(10_000), 8e-6)
    assert sizes[:3] == [10_000, 2_500, 2_500]
    assert all(BUDGET_S / 2 < size * 8e-6 <= BUDGET_S for size in sizes[1:])


def test_it_never_shrinks_below_what_still_says_something():
    assert drive(Pace(10_000), 1e-3)[-1] == 2_500 > FEWEST
    assert drive(Pace(500), 1.0)[-1] == 500


def test_it_grows_back_step_by_step():
    pace = Pace(10_000)
    drive(pace, 1e-3)
    assert drive(pace, 1e-7, 4) == [2_500, 5_000, 10_000, 10_000]


def test_sizes_go_by_halves_so_that_numbers_drawn_serve_again():
    pace, sizes = Pace(10_000), set()
    for load in range(200):
        pace.took(pace.requests * (1 + load % 7) * 2e-6)
        sizes.add(pace.requests)
    assert sizes <= {10_000, 5_000, 2_500}


def test_a_move_that_took_no_time_is_no_trouble():
    pace = Pace(10_000)
    pace.took(0.0)
    assert pace.requests == 10_000
