print("millrace-conformance")
