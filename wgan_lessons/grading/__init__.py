"""Exercises, handed out, checked and graded: `wgan-lessons assign`, `check`, `grade`.

formats, stubs, frame, execution, assign   a key, and the two notebooks made of it
rehearsal                                  a key tried before students get it
submissions, graft                         what comes back, and answers in a clean key
judging, limits, sandbox                   one run, judged outside of its kernel
grade, results, report, self_check         a class, its pages, a student's own check
nbval_numbers                              how nbval compares numbers, also in chapters

Modules with an underscore are parts of those: `_rules` of formats, `_hints` of assign,
`_contents`, `_answers`, `_class_list` of submissions, `_examiner`, `_launch`,
`_family`, `_folder`, `_texts` of judging, and of grade and report `_settings`,
`_places`, `_marking`, `_exchanged`, `_table`, `_pages`.
"""
