"""The tables as typed here against the text of the paper, through numbers that the text repeats."""

from medkit import paper


def test_margins_at_epoch_50_are_those_the_text_names():
    named = {  # the sentences under Tables 4-7
        4: {"CNN": 4.6, "U-Net": 2.7, "Transformer": 2.1},
        5: {"CNN": 7.9, "U-Net": 6.0, "Transformer": 4.2},
        6: {"CNN": -0.6, "U-Net": -1.1, "Transformer": -1.8},
        7: {"CNN": 4.7, "U-Net": 2.5, "Transformer": 1.8},
    }
    for table in paper.RESULT_TABLES:
        last = {model: column[-1] for model, column in table.column.items()}
        margins = {model: round(last["hybrid"] - last[model], 1) for model in paper.MODELS[:3]}
        assert margins == named[table.number]


def test_every_table_is_whole():
    assert [table.number for table in paper.RESULT_TABLES] == [4, 5, 6, 7]
    for table in paper.RESULT_TABLES:
        assert tuple(table.column) == paper.MODELS
        for column in table.column.values():
            assert len(column) == len(paper.EPOCHS)
            # every column of the paper moves one way: a slip of the pen would show
            assert list(column) == sorted(column, reverse=table is paper.TIME)


def test_numbers_of_the_conclusion():
    last = [table.column["hybrid"][-1] for table in paper.RESULT_TABLES]
    assert last == [95.1, 89.2, 1.2, 92.7]
