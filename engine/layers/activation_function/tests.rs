use super::*;

#[test]
fn names_and_options_come_back() {
    for (name, function) in NAMES {
        assert_eq!(F::try_from(name).unwrap(), function);
        assert_eq!(function.config(), json!(function.name()));
        assert_eq!(F::from_config(&function.config()).unwrap(), function);
    }
    for function in [
        F::LeakyRelu { negative_slope: 0.25 },
        F::Elu { alpha: 0.5 },
        F::Celu { alpha: 2.0 },
        F::Gelu { approximate: true },
        F::Squareplus { b: 1.0 },
        F::SoftShrink { threshold: 0.25 },
        F::HardShrink { threshold: 1.5 },
    ] {
        assert_eq!(F::from_config(&function.config()).unwrap(), function);
    }
    assert_eq!(F::Elu { alpha: 0.5 }.config()["class_name"], "ELU");
}

#[test]
fn what_is_unknown_is_refused() {
    let refused = |config: Value, part: &str| {
        let message = F::from_config(&config).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    };
    refused(json!("rleu"), "hard_swish");
    refused(json!(3), "one of linear");
    refused(json!({ "class_name": "ELU", "config": { "slope": 1.0 } }), "slope: 1.0");
    refused(json!({ "class_name": "ELU", "config": { "alpha": "one" } }), "alpha");
}

#[test]
fn shapes_that_do_not_fit_say_what_to_do() {
    let message = |f: F, shape: &[usize]| f.output_shape("here", shape).unwrap_err().to_string();
    assert!(message(F::Softmax, &[]).contains("softmax needs several values"));
    assert!(message(F::Glu, &[2, 3]).contains("[…, 2n]"));
    assert_eq!(F::Glu.output_shape("here", &[2, 6]).unwrap(), [2, 3]);
}
