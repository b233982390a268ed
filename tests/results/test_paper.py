import re

from semore_gym.results.paper import erpv_table16, erpv_table17, table1, table2

# Copied once more from the paper's pages, scenario by scenario, in its order of columns.
METHODS = ("sac", "curl", "flare", "drq", "deepmdp", "simoun", "semore")
TABLE_1 = """
JayWalk
episode_reward   103±72 112±81 136±52 97±59 146±48 168±79 201±54
distance         143±58 128±61 123±68 109±39 132±53 208±74 233±66
crash_intensity  4633±184 3829±153 2974±171 3013±187 2627±98 2382±103 2043±98
average_steer    15.40 14.79 12.53 13.29 10.88 13.69 13.91
average_brake    2.06 2.83 2.27 2.02 1.95 2.80 2.86
HighBeam
episode_reward   73±62 86±67 82±54 93±71 101±45 104±66 123±60
distance         86±43 96±57 92±56 91±64 112±59 128±61 163±52
crash_intensity  4850±153 4145±193 3692±133 3511±176 2921±102 2604±109 2418±103
average_steer    15.53 14.20 12.13 12.97 10.14 13.56 13.03
average_brake    2.43 3.11 2.94 2.81 2.57 3.06 3.08
HighWay
episode_reward   126±24 134±19 138±29 167±23 182±35 268±30 316±33
distance         102±17 137±35 114±22 108±29 129±22 202±22 263±17
crash_intensity  3870±98 3122±104 2548±91 2487±98 2153±76 1816±63 1671±56
average_steer    17.03 15.89 12.28 15.95 10.56 15.10 14.24
average_brake    1.84 2.56 1.82 1.63 1.54 2.14 2.13
"""
VARIANTS = ("m1", "m2", "m3", "m4")
TABLE_2 = """
JayWalk
distance         127 163 174 233
crash_intensity  3420 2582 2471 2043
HighBeam
distance         76 119 137 163
crash_intensity  3846 2673 2549 2418
HighWay
distance         146 203 238 263
crash_intensity  3073 1940 1886 1671
"""

ERPV_METHODS = ("deepmdp", "erpv")
ERPV_TABLES = {
    erpv_table16: """
HighWay
episode_reward 86±43 299±106
distance 105±50 311±109
HighWay with rain
episode_reward 2±3 83±38
distance 14±5 129±52
""",
    erpv_table17: """
HighWay
episode_reward 86±43 299±106
distance 105±50 311±109
JayWalk
episode_reward 9±2 37±12
distance 10±2 38±12
""",
}


def copied(text, columns):
    found, scenario = {}, ""
    for line in filter(None, text.split("\n")):
        name, *numbers = line.split()
        if not any(character.isdigit() for character in line):
            scenario = line
        else:
            for column, number in zip(columns, numbers, strict=True):
                mean, std = re.fullmatch(r"([\d.]+)(?:±(\d+))?", number).groups()
                found[scenario, name, column] = (float(mean), std and float(std))
    return found


def test_table_1_is_the_papers():
    assert dict(table1()) == copied(TABLE_1, METHODS)
    assert len(table1()) == 105


def test_table_2_is_the_papers():
    assert dict(table2()) == copied(TABLE_2, VARIANTS)
    assert len(table2()) == 24


def test_tables_16_and_17_are_erpvs():
    for read, text in ERPV_TABLES.items():
        assert dict(read()) == copied(text, ERPV_METHODS)
        assert len(read()) == 8


def test_the_full_method_is_the_same_in_both_tables():
    for (scenario, metric, variant), printed in table2().items():
        if variant == "m4":
            assert printed.mean == table1()[scenario, metric, "semore"].mean
