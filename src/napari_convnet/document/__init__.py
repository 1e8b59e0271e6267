"""Room 2, the text: read, check, edit and write pipelines.

A pipeline is one YAML text and the files it names. This room finds the place of every word in it,
reports what is wrong there and how to mend it, and makes edits as splices of the text.
"""
